// `./web` and `./node`, without a framework.
import http from 'node:http';
import http2 from 'node:http2';
import * as web from '@monocloud/backend-node/web';
import * as node from '@monocloud/backend-node/node';
import { fromSocket } from '@monocloud/backend-node/certificates';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

interface MyClaims extends web.AccessTokenClaims {
  org_id: string;
}

const client = new web.MonoCloudBackendNodeClient();

// --- ./web ---

const protect: web.ProtectWeb = web.protectApi(client, {
  tokenResolver: (request) => request.headers.get('x-token'),
  certificateResolver: async (request) => request.headers.get('x-client-cert'),
  urlResolver: web.fromForwarded(),
  allowPreflight: true,
});
web.protectApi();
web.protectApi({ urlResolver: (request) => new URL(request.url) });
// @ts-expect-error a resolver takes a Request
web.protectApi({ tokenResolver: (request: { cookie: string }) => request.cookie });
// @ts-expect-error options of the client belong to the client
web.protectApi({ audience: 'https://api.example.com' });

const guard: web.WebGuard = protect({ scopes: ['a'], acr: ['b'], maxAge: 60, validateCertificateBinding: true });
// @ts-expect-error a guard takes a Request
guard({ headers: {} });

export async function handler(request: Request): Promise<Response> {
  const auth = await guard(request);
  // @ts-expect-error a Response has no claims
  auth.claims;
  if (auth instanceof Response) return auth;
  same<typeof auth, web.Authenticated>(true);
  const own = auth as web.Authenticated<MyClaims>;
  const subject: string | undefined = auth.claims.sub;
  return Response.json({ subject, org: own.claims.org_id }, { headers: auth.headers });
}

export const GET = web.withAuth(guard, (request, { claims }) => Response.json({ url: request.url, sub: claims.sub }));
same<typeof GET, (request: Request) => Promise<Response>>(true);

interface NextRequest extends Request {
  readonly nextUrl: URL;
}
export const POST = web.withAuth(
  guard,
  async (request: NextRequest, { claims, headers }, context: { params: Promise<{ id: string }> }) =>
    Response.json({ id: (await context.params).id, path: request.nextUrl.pathname, sub: claims.sub }, { headers }),
);
same<typeof POST, (request: NextRequest, context: { params: Promise<{ id: string }> }) => Promise<Response>>(true);
// @ts-expect-error the handler returns a Response
web.withAuth(guard, () => 'text');

same<ReturnType<typeof web.claimsOf<MyClaims>>, MyClaims | undefined>(true);
const claims: web.AccessTokenClaims | undefined = web.claimsOf(new Request('https://api.example.com'));

// --- ./node ---

const nodeProtect: node.ProtectNode = node.protectApi(client, {
  tokenResolver: (request) => request.headers.cookie,
  certificateResolver: fromSocket(),
  urlResolver: node.fromForwarded(),
});
node.protectApi();
node.protectApi({ tokenResolver: (request: http2.Http2ServerRequest) => request.authority });
// @ts-expect-error options of the client belong to the client
node.protectApi({ audience: 'https://api.example.com' });

const nodeGuard: node.NodeGuard = nodeProtect({ groups: ['staff'] });

http.createServer(async (request, response) => {
  const auth = await nodeGuard(request);
  // @ts-expect-error a refusal has no claims
  auth.claims;
  if ('status' in auth) {
    same<typeof auth, node.NodeRefusal>(true);
    response.writeHead(auth.status, auth.headers).end(auth.body);
    return;
  }
  same<typeof auth, node.NodeAuthenticated>(true);
  response.writeHead(200, auth.headers).end(auth.claims.sub);
});

http2.createServer(async (request, response) => {
  const auth = await nodeGuard(request);
  response.writeHead('status' in auth ? auth.status : 200, auth.headers);
  response.end('status' in auth ? auth.body : (auth as node.NodeAuthenticated<MyClaims>).claims.org_id);
});

http2
  .createServer()
  .on(
    'stream',
    async (
      stream: http2.ServerHttp2Stream,
      headers: http2.IncomingHttpHeaders,
      _flags: number,
      rawHeaders: unknown,
    ) => {
      const auth = await nodeGuard({
        method: headers[':method'],
        url: headers[':path'],
        headers,
        rawHeaders: rawHeaders as string[],
        socket: stream.session?.socket,
      });
      if ('status' in auth) stream.respond({ ':status': auth.status, ...auth.headers });
    },
  );

// --- optional, authorize, onRefused ---

const optional = protect({ optional: true });
same<typeof optional, web.OptionalWebGuard>(true);
same<ReturnType<typeof protect>, web.OptionalWebGuard>(true);
export const MAYBE = web.withAuth(optional, (_request, auth) => {
  // @ts-expect-error there may be no token
  auth.claims.sub;
  return Response.json({ sub: auth.claims?.sub });
});
declare const flag: boolean;
const perhaps: web.OptionalWebGuard = protect({ optional: flag });
const required: web.WebGuard = protect({ optional: false, scopes: ['a'] });
const requirements: web.ProtectOptions = { scopes: ['a'] };
const strict: web.WebGuard = protect(requirements);
const wider: web.OptionalWebGuard = strict;
// @ts-expect-error it may have no claims
const narrower: web.WebGuard = optional;
protect({ authorize: (found, request) => request.headers.get('x-user') === found.sub });
web.protectApi(client, { realm: 'api', onRefused: (refusal) => ({ body: { reason: refusal.reason } }) });
// @ts-expect-error there is no error handler
web.protectApi(client, { delegate: true });
// @ts-expect-error there is no error handler
node.protectApi(client, { delegate: true });

const optionalNode = node.protectApi(client)({ optional: true });
same<typeof optionalNode, node.OptionalNodeGuard>(true);
node.protectApi(client)({ authorize: (found, request) => request.url === `/${found.sub}` });

export { claims, narrower, perhaps, required, wider };
