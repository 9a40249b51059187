'use strict';

/**
 * Which certificate and which document does a server send that the engine rejected?
 *
 * This module asks the server again with Node's own HTTP client. It verifies nothing and sends no secret. The result only
 * adds details to a message.
 */

/**
 * @import { X509Certificate } from 'node:crypto'
 * @import { Socket } from 'node:net'
 * @import { Seen } from './facts.js'
 */

const http = require('node:http');
const https = require('node:https');

const { LIMITS } = require('../native/constants.js');

const DEADLINE = 3000;

/**
 * The certificate and the JSON body at `url`, each only if there is one. Never rejects.
 *
 * @param {string} url
 * @returns {Promise<Seen>}
 */
function look(url) {
  return new Promise((resolve) => {
    /** @type {Seen} */
    const seen = {};
    const { get } = url.startsWith('https:') ? https : http;
    const request = get(url, { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(DEADLINE) });
    request.on('error', () => resolve(seen));
    request.on('response', (response) => {
      seen.certificate = certificateOf(response.socket);
      /** @type {Buffer[]} */
      const chunks = [];
      let length = 0;
      response.on('data', (chunk) => {
        length += chunk.length;
        if (length > LIMITS.bodyBytes) request.destroy();
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ ...seen, body: parsed(Buffer.concat(chunks).toString()) }));
      response.on('close', () => resolve(seen));
    });
  });
}

/**
 * The names, the validity and the issuer of the server's certificate, in one line.
 *
 * @param {Socket & { getPeerX509Certificate?: () => X509Certificate | undefined }} socket A TLS socket has the method.
 */
function certificateOf(socket) {
  const certificate = socket.getPeerX509Certificate?.();
  if (!certificate) return undefined;
  const { subject, subjectAltName, issuer, validFrom, validTo } = certificate;
  /** @param {string | undefined} name */
  const line = (name) => (name ?? '').replaceAll('\n', ', ');
  return `for ${subjectAltName ?? line(subject)}; valid ${validFrom} to ${validTo}; by ${line(issuer)}`;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { look };
