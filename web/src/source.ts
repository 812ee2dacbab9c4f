/** Everything that a file may come as, as bytes. */

import { InputError, LimitError } from "./errors.js";
import { check, joined } from "./format/bytes.js";
import type { Limits } from "./format/constants.js";

/** Bytes, a file of an input element or a drop, or an address. */
export type Source = ArrayBuffer | Uint8Array | Blob | URL | string;

/**
 * All bytes of a source, but never more than the limit of a file's size.
 *
 * @throws LimitError there are more.
 * @throws InputError the address cannot be had.
 */
export async function bytesOf(source: Source, limits: Limits, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted();
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) {
    check(limits, "file_bytes", source.size, "file size");
    return new Uint8Array(await source.arrayBuffer());
  }
  if (typeof source === "string" || source instanceof URL) return fetched(String(source), limits, signal);
  throw new InputError(`source is ${typeof source}, expected bytes, a Blob or an address`);
}

async function fetched(address: string, limits: Limits, signal?: AbortSignal): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(address, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw new InputError(`${address}: cannot be fetched (${(error as Error).message})`);
  }
  if (!response.ok) throw new InputError(`${address}: the server answers ${response.status}`);
  check(limits, "file_bytes", Number(response.headers.get("content-length") ?? 0), "file size");
  return collected(response, limits, signal);
}

/** The body, given up as soon as it is over the limit: what a server says of its length need not be so. */
async function collected(response: Response, limits: Limits, signal?: AbortSignal): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader!.read()) {
      parts.push(next.value);
      size += next.value.length;
      check(limits, "file_bytes", size, "file size");
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof LimitError) {
      void reader?.cancel();
      throw error;
    }
    throw new InputError(`${response.url}: breaks off (${(error as Error).message})`);
  }
  return joined(...parts);
}
