/** tadm-web: .tadm files in a browser. */

export { open, Tadm, type OpenOptions } from "./tadm.js";
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
