// Collects the events of some work, by `diagnostics_channel`.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Runs `work` and returns the messages of one event, in order. */
export async function heard(event, work) {
  const messages = [];
  const listener = (message) => messages.push(message);
  subscribe(`monocloud:backend:${event}`, listener);
  try {
    await work();
  } finally {
    unsubscribe(`monocloud:backend:${event}`, listener);
  }
  return messages;
}

/** The error of a promise that must reject. */
export const rejected = (promise) =>
  promise.then(
    () => {
      throw new Error('it was accepted');
    },
    (error) => error,
  );
