/** What a page and its worker say to each other. */

import type { ErrorData } from "../errors.js";
import type { Limits } from "../format/constants.js";
import type { Grid } from "./conditioning.js";
import type { Recipe } from "./rebuild.js";

/** To the worker. A job of a file is told the file's number, which `open` gave it. */
export type Request =
  | { readonly kind: "start"; readonly models: string; readonly threads: number }
  | { readonly kind: "open"; readonly file: number; readonly data: Uint8Array; readonly limits: Limits }
  | { readonly kind: "close"; readonly file: number }
  | ({ readonly kind: "rebuild"; readonly job: number; readonly file: number; readonly any: boolean } & RebuildRequest)
  | { readonly kind: "abort"; readonly job: number };

/** Realism left out is what the model recommends. */
export type RebuildRequest = Omit<Recipe, "realism"> & { readonly realism?: number };

/** How a picture was made. */
export interface Making {
  /** Whether a network drew texture that the LR does not hold. */
  readonly generated: boolean;
  readonly realism: number;
  /** Id and package of the model that was used. */
  readonly model: string;
  readonly modelName: string;
}

/** From the worker. */
export type Reply =
  | { readonly kind: "progress"; readonly job: number; readonly done: number; readonly total: number }
  | {
      readonly kind: "done";
      readonly job: number;
      readonly pixels: ArrayBuffer;
      readonly timesteps: Grid;
      readonly making: Making;
    }
  | { readonly kind: "error"; readonly job: number; readonly error: ErrorData };
