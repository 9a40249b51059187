// `./koa`, with Koa 2 and 3.
import Koa, { type Context, type Middleware, type ParameterizedContext } from 'koa';
import {
  MonoCloudBackendNodeClient,
  fromForwarded,
  protectApi,
  type AccessTokenClaims,
  type KoaMiddleware,
  type KoaState,
  type ProtectKoa,
} from '@monocloud/backend-node/koa';

interface MyClaims extends AccessTokenClaims {
  org_id: string;
}

const app = new Koa();
const client = new MonoCloudBackendNodeClient();

const protect: ProtectKoa = protectApi(client, {
  tokenResolver: (ctx) => ctx.cookies.get('token'),
  certificateResolver: async (ctx) => ctx.get('x-client-cert'),
  urlResolver: fromForwarded(),
});
protectApi();
protectApi({ tokenResolver: (ctx: ParameterizedContext<{ token: string }>) => ctx.state.token });
// @ts-expect-error a resolver returns a string
protectApi({ tokenResolver: () => 1 });
// @ts-expect-error options of the client belong to the client
protectApi({ audience: 'https://api.example.com' });

const middleware: KoaMiddleware = protect({ scopes: ['a'] });
const plain: Middleware = middleware;
const stated: Middleware<KoaState<MyClaims>> = middleware;
const spied: KoaMiddleware = async (ctx: Context, next) => next();

app.use(protect());
app.use(async (ctx) => {
  const sub: string | undefined = ctx.state.claims.sub;
  ctx.body = { sub };
});

const typed = new Koa<KoaState<MyClaims>>();
typed.use(protect());
typed.use(async (ctx) => {
  const org: string = ctx.state.claims.org_id;
  ctx.body = { org };
});

app.use(protect({ optional: true, authorize: (claims, ctx) => ctx.path === claims.sub }));
protectApi({
  delegate: true,
  onRefused: (refusal, ctx) => ({ headers: { 'x-path': `${ctx.path} ${refusal.reason}` } }),
});
export const maybe: Middleware<KoaState<MyClaims | undefined>> = (ctx) => {
  // @ts-expect-error there may be no token
  ctx.state.claims.org_id;
  ctx.body = ctx.state.claims?.org_id;
};

export { plain, spied, stated };
