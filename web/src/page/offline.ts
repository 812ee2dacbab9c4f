/**
 * The page's service worker: what has been loaded once is there without a network. Answers come from the network while there
 * is one, so that a newer page is seen at once. They get the headers that let a page have threads, which few static
 * servers send; that takes effect when the page is loaded the next time.
 */

const scope = globalThis as unknown as ServiceWorkerGlobalScope;
const CACHE = "tadm-page-1";
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

scope.addEventListener("install", () => void scope.skipWaiting());
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));

scope.addEventListener("fetch", (event) => {
  const { method, url, cache } = event.request;
  const ours = new URL(url).origin === scope.location.origin;
  if (method === "GET" && ours && cache !== "only-if-cached") event.respondWith(answer(event.request));
});

/** A page that was loaded before there was a service worker says what it is made of. */
scope.addEventListener("message", (event) => {
  const addresses = event.data as readonly string[];
  event.waitUntil(Promise.allSettled(addresses.map((address) => answer(new Request(address)))));
});

async function answer(request: Request): Promise<Response> {
  const kept = await scope.caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (!response.ok) return response;
    const given = isolated(response);
    await kept.put(request, given.clone());
    return given;
  } catch (error) {
    const known = await kept.match(request, { ignoreSearch: true });
    if (known) return known;
    throw error;
  }
}

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATED)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
