'use strict';

/**
 * A second look at a server, with Node's own client, for what the engine rightly keeps to itself after it refused:
 * whose certificate that is, and what issuer the metadata names.
 *
 * Nothing is verified here and nothing secret is sent, so nothing of it is a verdict: it only says more about one.
 */

const http = require('node:http');
const https = require('node:https');

const DEADLINE = 3000;
const MAX_BODY_BYTES = 512 * 1024;

/** What is seen at `url`: `{ certificate, body }`, each only if it is there; `{}` when nothing is. */
function look(url) {
  return new Promise((resolve) => {
    const seen = {};
    const { get } = url.startsWith('https:') ? https : http;
    const request = get(url, { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(DEADLINE) });
    request.on('error', () => resolve(seen));
    request.on('response', (response) => {
      seen.certificate = certificateOf(response.socket);
      const chunks = [];
      let length = 0;
      response.on('data', (chunk) => {
        length += chunk.length;
        if (length > MAX_BODY_BYTES) request.destroy();
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ ...seen, body: parsed(Buffer.concat(chunks).toString()) }));
      response.on('close', () => resolve(seen));
    });
  });
}

/** Its names, validity and authority, as one line. */
function certificateOf(socket) {
  const certificate = socket.getPeerX509Certificate?.();
  if (!certificate) return undefined;
  const { subject, subjectAltName, issuer, validFrom, validTo } = certificate;
  const line = (name) => (name ?? '').replaceAll('\n', ', ');
  return `for ${subjectAltName ?? line(subject)}; valid ${validFrom} to ${validTo}; by ${line(issuer)}`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { look };
