/** Errors that this library raises on purpose; anything else that escapes is a bug. */

/** Who is to blame, in the words of the Python package's errors. */
export type ErrorKind = "format" | "signature" | "truncated" | "checksum" | "unsupported" | "limit" | "model" | "input";

/** Base of every deliberate error: one line that says what, where, got, expected. */
export class TadmError extends Error {
  override readonly name: string = "TadmError";

  constructor(
    readonly kind: ErrorKind,
    message: string,
  ) {
    super(message);
  }
}

/** The file is broken. */
export class FormatError extends TadmError {
  override readonly name: string = "FormatError";

  constructor(message: string, kind: ErrorKind = "format") {
    super(kind, message);
  }
}

/** The first bytes are not those of a .tadm file. */
export class SignatureError extends FormatError {
  override readonly name = "SignatureError";

  constructor(message: string) {
    super(message, "signature");
  }
}

/** The file ends before a field or payload is complete. */
export class TruncatedError extends FormatError {
  override readonly name = "TruncatedError";

  constructor(message: string) {
    super(message, "truncated");
  }
}

/** Stored and computed checksum differ. */
export class ChecksumError extends FormatError {
  override readonly name = "ChecksumError";

  constructor(message: string) {
    super(message, "checksum");
  }
}

/** The file is valid, but needs something that this library or this browser does not have. */
export class UnsupportedError extends TadmError {
  override readonly name = "UnsupportedError";

  constructor(message: string) {
    super("unsupported", message);
  }
}

/** The file asks for more than the limits in force. */
export class LimitError extends TadmError {
  override readonly name = "LimitError";

  constructor(message: string) {
    super("limit", message);
  }
}

/** The networks are absent, of another identity, or cannot run here. */
export class ModelError extends TadmError {
  override readonly name = "ModelError";

  constructor(message: string) {
    super("model", message);
  }
}

/** What the caller gave cannot be used. */
export class InputError extends TadmError {
  override readonly name = "InputError";

  constructor(message: string) {
    super("input", message);
  }
}

/** An error as plain data, for a worker's messages. */
export interface ErrorData {
  readonly kind: ErrorKind | "abort" | "bug";
  readonly message: string;
}

/** What a worker says of an error. */
export function errorData(error: unknown): ErrorData {
  if (error instanceof TadmError) return { kind: error.kind, message: error.message };
  if (error instanceof DOMException && error.name === "AbortError") return { kind: "abort", message: error.message };
  return { kind: "bug", message: error instanceof Error ? error.message : String(error) };
}

/** The error that `errorData` was made from, as far as callers can tell. */
export function errorFrom(data: ErrorData): Error {
  const { kind, message } = data;
  switch (kind) {
    case "abort":
      return new DOMException(message, "AbortError");
    case "bug":
      return new Error(message);
    case "signature":
      return new SignatureError(message);
    case "truncated":
      return new TruncatedError(message);
    case "checksum":
      return new ChecksumError(message);
    case "unsupported":
      return new UnsupportedError(message);
    case "limit":
      return new LimitError(message);
    case "model":
      return new ModelError(message);
    case "input":
      return new InputError(message);
    case "format":
      return new FormatError(message);
  }
}
