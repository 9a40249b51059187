'use strict';

/** The test issuer as a real server on loopback. */

/** @import { AddressInfo } from 'node:net' */
/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @typedef {InstanceType<typeof import('./answers.js').Answers>} AnswersType */

const { createServer } = require('node:http');

const HOST = '127.0.0.1';
/** No request of the client is larger. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * @param {AnswersType} answers
 * @param {number} port 0 for a free one.
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
async function listen(answers, port) {
  const server = createServer((request, response) => {
    respond(answers, request, response).catch(() => request.destroy());
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(undefined));
  });
  // A test run ends even if nobody closes the server.
  server.unref();
  return {
    url: `http://${HOST}:${/** @type {AddressInfo} */ (server.address()).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Node 18.2 and later. A connection that is kept alive would keep the server open.
        server.closeAllConnections?.();
      }),
  };
}

/**
 * @param {AnswersType} answers
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
async function respond(answers, request, response) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new RangeError('the request is too large');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString();
  const answer = answers.to(request.url ?? '/', request.headers.authorization, body);
  // RFC 9110 defines no answer for these. The client sees a closed connection, or waits until its time limit.
  if (answer === 'refused') request.destroy();
  else if (answer !== 'timeout') {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  }
}

module.exports = { listen };
