/** Starting workers, of whatever origin their script is. */

/** A worker of a module; a browser starts none of another origin, but lets one of the page's own import it. */
export function moduleWorker(address: string, name: string): Worker {
  const foreign = new URL(address).origin !== globalThis.location.origin;
  if (!foreign) return new Worker(address, { type: "module", name });
  const script = new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script), { type: "module", name });
}
