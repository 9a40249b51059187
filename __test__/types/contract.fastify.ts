// `./fastify`, with Fastify 4 and 5.
import * as http2 from 'node:http2';
import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProvider,
  type onRequestAsyncHookHandler,
  type preHandlerAsyncHookHandler,
} from 'fastify';
import {
  MonoCloudBackendNodeClient,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  fromForwarded,
  protectApi,
  type AccessTokenClaims,
  type AuthenticatedFastifyRequest,
  type FastifyHook,
  type ProtectHook,
  type ProtectOptions,
} from '@monocloud/backend-node/fastify';
import * as root from '@monocloud/backend-node';
import { fromClientCert, fromSocket } from '@monocloud/backend-node/certificates';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

interface MyClaims extends AccessTokenClaims {
  org_id: string;
}

const fastify = Fastify({ logger: true });
const client = new MonoCloudBackendNodeClient();

// --- protectApi ---

const protect = protectApi();
protectApi({});
protectApi({ tokenResolver: (request) => (request.query as { token: string }).token });
protectApi({
  tokenResolver: async (request) => request.headers['x-token'] as string,
  certificateResolver: fromSocket(),
});
protectApi(client);
protectApi(new MonoCloudOidcBackendClient('https://acme.us.monocloud.com', 'https://api.example.com'));
protectApi(new root.MonoCloudBackendNodeClient(), { certificateResolver: fromClientCert() });
protectApi(client, {
  tokenResolver: (request: FastifyRequest<{ Headers: { 'x-token': string } }>) => request.headers['x-token'],
});
// @ts-expect-error a resolver returns a string
protectApi({ tokenResolver: () => 1 });
// @ts-expect-error a resolver takes a Fastify request
protectApi({ tokenResolver: (request: { cookie: string }) => request.cookie });
// @ts-expect-error options of the client belong to the client
protectApi({ audience: 'https://api.example.com' });
// @ts-expect-error the client comes first
protectApi({}, client);

// --- where the hook goes ---

const hook: FastifyHook = protect({ scopes: ['data:read'], groups: ['staff'], validateCertificateBinding: true });
const onRequest: onRequestAsyncHookHandler = hook;
const preHandler: preHandlerAsyncHookHandler = hook;
const options: ProtectOptions = {};
fastify.addHook('onRequest', protect());
fastify.addHook('onRequest', hook);
fastify.addHook('preValidation', protect());
fastify.addHook('preHandler', protect(options));
fastify.get('/a', { onRequest: protect() }, async () => ({}));
fastify.get('/b', { onRequest: [protect(), protect({ scopes: ['a'] })] }, async () => ({}));
fastify.get('/c', { preHandler: protect(), preValidation: hook }, (_request, reply) => reply.send({}));
fastify.route({ method: 'GET', url: '/d', onRequest, preHandler, handler: async () => ({}) });
const plugin: FastifyPluginAsync<{ scope: string }> = async (instance, { scope }) => {
  instance.addHook('onRequest', protect({ scopes: [scope] }));
};
fastify.register(plugin, { scope: 'admin' });
fastify.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
  await protect()(request, reply);
  if (reply.sent) return reply;
});
// @ts-expect-error the factory is not the hook: `protect()`, not `protect`
fastify.get('/e', { onRequest: protect }, async () => ({}));
// @ts-expect-error must be a list
protect({ scopes: 'data:read' });
protect({ validateCertificateBinding: 'required' });
protect({ validateDPoPBinding: true });
protect({ validateDPoPBinding: 'when_present', scopes: ['a'] });
// @ts-expect-error not a mode
protect({ validateDPoPBinding: 'yes' });
protect({ validateCertificateBinding: 'when_present', scopes: ['a'] as const, groups: ['b'] as string[] });
// @ts-expect-error not a mode
protect({ validateCertificateBinding: 'yes' });
protectApi({ urlResolver: (request) => `https://api.example.com${request.originalUrl}` });
protectApi(client, { urlResolver: (request) => new URL(request.originalUrl, 'https://api.example.com') });
protectApi({ urlResolver: fromForwarded() });
// @ts-expect-error a URL is text or a URL
protectApi({ urlResolver: () => 1 });
protectApi({ allowPreflight: true });
// @ts-expect-error must be a boolean
protectApi({ allowPreflight: 'true' });

// --- the names of the published package: the factory's type, and its result ---

const typedProtect = protectApi(client, {
  delegate: true,
  onRefused: (refusal, request, reply) => void reply.code(refusal.status).send({ id: request.id }),
});
typedProtect({ authorize: async (claims, request) => claims.sub === (request.params as { id: string }).id });
typedProtect({ optional: true });
// @ts-expect-error true or false
typedProtect({ authorize: () => 'true' });
export const subjectOf = (request: AuthenticatedFastifyRequest<AccessTokenClaims | undefined>) => {
  // @ts-expect-error there may be no token
  request.claims.sub;
  return request.claims?.sub;
};

const factory: ProtectHook = protectApi(client);
class Guard {
  constructor(private readonly protect: ProtectHook) {}
  all(): onRequestAsyncHookHandler[] {
    return [this.protect(), this.protect({ scopes: ['a'] })];
  }
}
fastify.get('/guarded', { onRequest: new Guard(factory).all() }, async () => ({}));
same<ReturnType<typeof protectApi>, ProtectHook>(true);
same<ReturnType<ProtectHook>, FastifyHook>(true);
/** Fakes for an application's tests, with the package's types or Fastify's. */
const open: ProtectHook = () => async () => undefined;
const typedOpen: ProtectHook = (options) => async (request: FastifyRequest, reply: FastifyReply) => {
  if (options?.scopes?.includes('none')) return reply.status(403).send({});
  request.log.info('open');
};
fastify.get('/open', { onRequest: [open(), typedOpen({ scopes: ['a'] })] }, async () => ({}));
// @ts-expect-error the factory is not the hook: `protect()`, not `protect`
const uncalled: FastifyHook = factory;

// --- the route's own types survive ---

interface Route {
  Params: { id: string };
  Querystring: { page: number };
  Body: { name: string };
  Headers: { 'x-trace': string };
  Reply: { ok: boolean };
}
fastify.post<Route>('/posts/:id', { onRequest: protect() }, async (request, reply) => {
  same<typeof request.params, { id: string }>(true);
  same<typeof request.body, { name: string }>(true);
  const authenticated = request as AuthenticatedFastifyRequest<MyClaims, typeof request>;
  same<typeof authenticated.claims, MyClaims>(true);
  same<typeof authenticated.query.page, number>(true);
  const { claims } = request as AuthenticatedFastifyRequest;
  same<typeof claims, AccessTokenClaims>(true);
  // @ts-expect-error the reply is typed
  void reply.send({ okay: true });
  return { ok: claims.sub === authenticated.claims.org_id };
});
fastify.get('/f', { onRequest: protect() }, async (request) => {
  request.log.info('the logger of this instance');
  // @ts-expect-error without a cast there are no claims
  return request.claims;
});

/**
 * A type provider that types every part of a request in the same way. Fastify 4 reads `output`, Fastify 5
 * `validator`.
 */
interface Provider extends FastifyTypeProvider {
  output: { title: string };
  validator: { title: string };
}
const typed = Fastify().withTypeProvider<Provider>();
typed.addHook('onRequest', protect());
typed.post('/g', { schema: { body: {} }, onRequest: protect() }, async (request) => {
  same<typeof request.body, { title: string }>(true);
  const { claims } = request as AuthenticatedFastifyRequest<MyClaims, typeof request>;
  return claims.org_id + request.body.title + (request as AuthenticatedFastifyRequest).claims.sub;
});

// --- other servers and loggers ---

const secure: FastifyInstance<http2.Http2SecureServer, http2.Http2ServerRequest, http2.Http2ServerResponse> = Fastify({
  http2: true,
  https: {},
});
secure.addHook('onRequest', protect());
secure.get('/h', { onRequest: protect() }, async (request) => {
  same<typeof request.raw, http2.Http2ServerRequest>(true);
  const { claims } = request as AuthenticatedFastifyRequest<MyClaims, typeof request>;
  return claims.org_id + (request as AuthenticatedFastifyRequest).claims.sub;
});

// --- one set of classes ---

const sameClient: root.MonoCloudBackendNodeClient = client;
same<typeof MonoCloudTokenError, typeof root.MonoCloudTokenError>(true);

export { sameClient, uncalled };
