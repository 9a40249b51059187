// Signs a part of a token pool: one batch for each message `more`, then null.

import { createPrivateKey } from 'node:crypto';
import { parentPort, workerData, threadId } from 'node:worker_threads';
import { signToken } from './support.mjs';

const { key, claims, count, batch } = workerData;
const signer = { ...key, privateKey: createPrivateKey(key.privatePem) };
const unique = `${claims.jti.slice(0, 19)}${threadId.toString(16).padStart(4, '0')}-`;
let signed = 0;

parentPort.on('message', () => {
  const upTo = Math.min(count, signed + batch);
  if (signed === upTo) {
    parentPort.postMessage(null);
    return;
  }
  let text = '';
  for (; signed < upTo; signed++) {
    text += `${signToken(signer, { ...claims, jti: unique + String(signed).padStart(12, '0') })}\n`;
  }
  // A new buffer, transferred instead of copied.
  const bytes = new TextEncoder().encode(text);
  parentPort.postMessage(bytes, [bytes.buffer]);
});
