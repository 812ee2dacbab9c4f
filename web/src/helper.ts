/** A further thread for convolutions. */

import { GO, helper, type Start } from "./network/threads.js";

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
let begin: (() => never) | undefined;

scope.onmessage = ({ data }: MessageEvent<Start | typeof GO>) => {
  if (data === GO) {
    begin?.();
    return;
  }
  void helper(data).then((work) => {
    begin = work;
    scope.postMessage("ready");
  });
};
