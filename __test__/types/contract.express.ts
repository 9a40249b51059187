// `./express`, with Express 4 and 5.
import express, { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import {
  MonoCloudBackendNodeClient,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  fromForwarded,
  protectApi,
  type AccessTokenClaims,
  type AuthenticatedExpressRequest,
  type ExpressMiddleware,
  type ProtectMiddleware,
  type ProtectOptions,
} from '@monocloud/backend-node/express';
import * as root from '@monocloud/backend-node';
import { fromHeader, fromSocket } from '@monocloud/backend-node/certificates';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

interface MyClaims extends AccessTokenClaims {
  org_id: string;
}

const app = express();
const client = new MonoCloudBackendNodeClient();

// --- protectApi ---

const protect = protectApi();
protectApi({});
protectApi({ tokenResolver: (req) => req.query.token as string });
protectApi({ tokenResolver: async (req) => req.get('x-token'), certificateResolver: fromSocket() });
protectApi(client);
protectApi(new MonoCloudOidcBackendClient('https://acme.us.monocloud.com', 'https://api.example.com'));
protectApi(new root.MonoCloudBackendNodeClient(), { certificateResolver: fromHeader('x-client-cert') });
protectApi(client, { certificateResolver: async (req: Request<{ id: string }>) => req.params.id });
protectApi(client, {
  tokenResolver: (req) => req.cookies.token,
  certificateResolver: async (req) => req.headers['x-client-cert'] as string | undefined,
});
// @ts-expect-error a resolver returns a string
protectApi({ tokenResolver: () => 1 });
// @ts-expect-error a resolver takes an Express request
protectApi({ tokenResolver: (request: { cookie: string }) => request.cookie });
// @ts-expect-error options of the client belong to the client
protectApi({ audience: 'https://api.example.com' });
// @ts-expect-error the client comes first
protectApi({}, client);

// --- where the middleware goes ---

const middleware: ExpressMiddleware = protect({
  scopes: ['data:read'],
  groups: ['staff'],
  validateCertificateBinding: true,
});
const handler: RequestHandler = middleware;
const strictHandler: RequestHandler<
  { id: string },
  { ok: boolean },
  { name: string },
  { q: string },
  { user: string }
> = middleware;
const options: ProtectOptions = {};
app.use(protect());
app.use('/api', protect(options), Router().use(protect()));
app.all('/api', [protect(), protect({ scopes: ['a'] })], (req: Request, res: Response) => void res.sendStatus(204));
app.route('/api').get(protect(), (_req, res) => void res.end());
Router({ mergeParams: true }).post('/:id', middleware, handler, strictHandler);
app.use(async (req: Request, res: Response, next: NextFunction) => {
  await protect()(req, res, (error) => next(error));
});
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
protectApi({ urlResolver: (req) => `https://api.example.com${req.originalUrl}` });
protectApi(client, { urlResolver: (req) => new URL(req.originalUrl, 'https://api.example.com') });
protectApi({ urlResolver: fromForwarded() });
protectApi({ urlResolver: () => undefined });
// @ts-expect-error a URL is text or a URL
protectApi({ urlResolver: () => 1 });
// @ts-expect-error the URL must be there at once
protectApi({ urlResolver: async () => 'https://api.example.com' });
// @ts-expect-error the resolver, not what makes it
protectApi({ urlResolver: fromForwarded });
protectApi({ allowPreflight: true });
// @ts-expect-error must be a boolean
protectApi({ allowPreflight: 'true' });

// --- authorize, optional, and what changes responses ---

protect({ authorize: (found, req) => found.sub === req.params.id });
protect({ authorize: async (found: MyClaims) => found.org_id === 'a' });
protect({ authorize: (_found, req: Request<{ id: string }>) => req.params.id === 'a' });
// @ts-expect-error true or false
protect({ authorize: () => 1 });
// @ts-expect-error a request of Express
protect({ authorize: (_found, req) => req.nonsense });
app.get('/maybe', protect({ optional: true }), (req, res) => {
  const maybe = (req as AuthenticatedExpressRequest<MyClaims | undefined>).claims;
  // @ts-expect-error there may be no token
  maybe.org_id;
  res.json({ org: maybe?.org_id });
});
// @ts-expect-error a boolean
protect({ optional: 'true' });
protectApi({ realm: 'api', body: 'problem', exposeReason: true, delegate: true });
// @ts-expect-error no such body
protectApi({ body: 'html' });
protectApi({
  onRefused(refusal, req, res) {
    const text: string = `${req.originalUrl} ${refusal.status} ${refusal.reason} ${refusal.error?.message}`;
    // @ts-expect-error the status stays
    refusal.status = 200;
    res.setHeader('x-text', text);
    return { body: { text }, headers: { 'x-trace': 'a' } };
  },
});
protectApi(client, { onRefused: async () => ({ body: 'No' }) });
protectApi(client, { onRefused: (_refusal, _req, res) => void res.status(401).end() });
// @ts-expect-error a header is text
protectApi({ onRefused: () => ({ headers: { 'x-trace': 1 } }) });
app.use((error: root.RefusalError, _req: Request, res: Response, _next: NextFunction) => {
  res.status(error.status).set(error.headers).json(error.body);
});

// --- the names of the published package: the factory's type, and its result ---

const factory: ProtectMiddleware = protectApi(client);
class Guard {
  constructor(private readonly protect: ProtectMiddleware) {}
  all(): RequestHandler[] {
    return [this.protect(), this.protect({ scopes: ['a'] })];
  }
}
app.use(new Guard(factory).all());
same<ReturnType<typeof protectApi>, ProtectMiddleware>(true);
same<ReturnType<ProtectMiddleware>, ExpressMiddleware>(true);
same<ReturnType<ExpressMiddleware>, void | Promise<void>>(true);
/** Fakes for an application's tests, sync and async, with Node's types or Express's. */
const open: ProtectMiddleware = () => (_request, _response, next) => next();
const typedOpen: ProtectMiddleware = (options) => async (request: Request, response: Response, next: NextFunction) => {
  if (options?.scopes?.includes('none')) response.status(403).json({});
  else next();
};
const waiting: ProtectMiddleware = () => async (_request, _response, next) => next();
app.use(open(), typedOpen({ scopes: ['a'] }), waiting());
// @ts-expect-error the factory is not the middleware: `protect()`, not `protect`
const uncalled: ExpressMiddleware = factory;

// --- the route's own types survive ---

app.get('/posts/:id', protect(), (req, res) => {
  same<typeof req.params.id, string>(true);
  // @ts-expect-error not a parameter of this path
  req.params.slug;
  const { claims } = req as AuthenticatedExpressRequest;
  same<typeof claims, AccessTokenClaims>(true);
  res.json({ id: req.params.id, sub: claims.sub });
});
app.post<{ id: string }, { ok: boolean }, { name: string }>('/posts/:id', protect(), (req, res) => {
  const authenticated = req as AuthenticatedExpressRequest<MyClaims, typeof req>;
  same<typeof authenticated.claims, MyClaims>(true);
  same<typeof authenticated.body.name, string>(true);
  const claims = (req as AuthenticatedExpressRequest).claims;
  res.json({ ok: claims.sub === authenticated.claims.org_id });
  // @ts-expect-error the body is typed
  res.json({ okay: true });
});
app.get('/', protect(), (req, res) => {
  // @ts-expect-error without a cast there are no claims
  res.json(req.claims);
});

// --- one set of classes ---

const sameClient: root.MonoCloudBackendNodeClient = client;
same<typeof MonoCloudTokenError, typeof root.MonoCloudTokenError>(true);

export { sameClient, uncalled };
