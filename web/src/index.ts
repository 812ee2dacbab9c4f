/** tadm-web: .tadm files in a browser. */

export { open, Tadm, type DecodeOptions, type OpenOptions, type Rebuilt } from "./tadm.js";
export { configure, type Settings } from "./decode/client.js";
export type { Grid } from "./decode/conditioning.js";
export type { Making } from "./decode/messages.js";
export {
  ChecksumError,
  FormatError,
  InputError,
  LimitError,
  ModelError,
  SignatureError,
  TadmError,
  TruncatedError,
  UnsupportedError,
} from "./errors.js";
export { LIMITS, type Limits } from "./format/constants.js";
export type { Box, Size } from "./format/container.js";
export type { Info } from "./info.js";
export type { Source } from "./source.js";
export { save, type Saved, type SavedType } from "./saving/save.js";
