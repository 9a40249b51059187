// A gRPC service. An interceptor checks the token before a handler gets a message.

import * as grpc from '@grpc/grpc-js';
import { MonoCloudBackendNodeClient, MonoCloudHttpError, MonoCloudTokenError } from '@monocloud/backend-node';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const client = new MonoCloudBackendNodeClient();
const { PERMISSION_DENIED, UNAUTHENTICATED, UNAVAILABLE, INTERNAL } = grpc.status;

/** Every method requires a token. These have requirements of their own. */
const NEEDS = new Map([['/demo.Reports/Read', { scopes: ['report:read'] }]]);
const claimsOf = new WeakMap();

function authenticate({ path }, call) {
  const onReceiveMetadata = async (metadata, next) => {
    const refusal = await check(metadata, NEEDS.get(path));
    return refusal ? call.sendStatus(refusal) : next(metadata);
  };
  return new grpc.ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata }) });
}

/** The token is valid, and does not give access. */
const FORBIDDEN = ['insufficient_scope', 'insufficient_groups', 'insufficient_permissions', 'insufficient_claims'];

/** Returns the status that ends the call, or nothing if the token is good. */
async function check(metadata, needs) {
  const [token, ...more] = metadata.get('authorization').map((field) => /^Bearer +(\S+)$/i.exec(field)?.[1]);
  if (!token || more.length > 0) return { code: UNAUTHENTICATED, details: 'one bearer token is required' };
  try {
    claimsOf.set(metadata, await client.validateAccessToken(token, needs));
    return undefined;
  } catch (error) {
    if (FORBIDDEN.includes(error.code)) return { code: PERMISSION_DENIED, details: error.message };
    if (error instanceof MonoCloudTokenError) return { code: UNAUTHENTICATED, details: error.message };
    // The authorization server is unreachable. This does not depend on the token, so never send UNAUTHENTICATED.
    if (error instanceof MonoCloudHttpError) return { code: UNAVAILABLE, details: 'try again later' };
    console.error(error);
    return { code: INTERNAL, details: 'internal error' };
  }
}

/** JSON instead of a .proto file. With one, `@grpc/proto-loader` makes the definition. */
const requestDeserialize = (bytes) => JSON.parse(bytes);
const responseSerialize = (value) => Buffer.from(JSON.stringify(value));
const unary = { requestStream: false, responseStream: false, requestDeserialize, responseSerialize };

const server = new grpc.Server({ interceptors: [authenticate] });
server.addService(
  { Me: { ...unary, path: '/demo.Reports/Me' }, Read: { ...unary, path: '/demo.Reports/Read' } },
  {
    Me: ({ metadata }, done) => done(null, { subject: claimsOf.get(metadata).sub }),
    Read: (call, done) => done(null, { report: 'all is well' }),
  },
);

// A token must not travel without TLS: use `ServerCredentials.createSsl()`, or a proxy that ends TLS.
const [address, credentials] = [`127.0.0.1:${process.env.PORT ?? 3000}`, grpc.ServerCredentials.createInsecure()];
server.bindAsync(address, credentials, (error, port) => console.log(error ?? `listening ${port}`));
