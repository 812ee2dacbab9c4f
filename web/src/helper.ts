/** A further thread for convolutions. */

import { help, type Start } from "./network/threads.js";

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data }: MessageEvent<Start>) => {
  void help(data, () => scope.postMessage("ready"));
};
