// `./ws`, with the types of `node:http` alone.
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { protectApi } from '@monocloud/backend-node/node';
import {
  MonoCloudBackendNodeClient,
  authenticateUpgrade,
  closeOnExpiry,
  socketIoMiddleware,
  type AccessTokenClaims,
  type ConnectionAuth,
  type SocketIoMiddleware,
} from '@monocloud/backend-node/ws';

interface MyClaims extends AccessTokenClaims {
  org_id: string;
}

const client = new MonoCloudBackendNodeClient();
const guard = protectApi(client)({ scopes: ['a'] });

const authenticate: (request: IncomingMessage, socket: Duplex) => Promise<ConnectionAuth | undefined> =
  authenticateUpgrade(guard);
const typed = authenticateUpgrade<MyClaims>(guard, { subprotocol: true });
authenticateUpgrade(guard, { subprotocol: undefined });
// @ts-expect-error the guard is a function of ./node
authenticateUpgrade(client);
// @ts-expect-error no such option
authenticateUpgrade(guard, { query: true });

createServer().on('upgrade', async (request, socket) => {
  const auth = await typed(request, socket);
  if (auth === undefined) return;
  const org: string = auth.claims.org_id;
  const ends: number | undefined = auth.expiresAt;
  const isActive: boolean = auth.isActive;
  // @ts-expect-error the claims are replaced by renew()
  auth.claims = {};
  closeOnExpiry(auth, (code: number, reason: string) => socket.end(`${code} ${reason} ${org} ${ends} ${isActive}`));
  closeOnExpiry(auth, (code, reason) => [code === 4401, reason === 'token expired'], { grace: 5, recheck: 60 });
  // @ts-expect-error seconds
  closeOnExpiry(auth, () => {}, { grace: '5' });
  await auth.renew('token');
  await auth.renew('token', 'proof');
  auth.dispose();
});

const optionalGuard = protectApi(client)({ optional: true });
const maybe: (request: IncomingMessage, socket: Duplex) => Promise<ConnectionAuth<MyClaims | undefined> | undefined> =
  authenticateUpgrade<MyClaims>(optionalGuard);
createServer().on('upgrade', async (request, socket) => {
  const auth = await maybe(request, socket);
  if (auth === undefined) return;
  // @ts-expect-error the client may have sent no token yet
  auth.claims.org_id;
  closeOnExpiry(auth, () => socket.end(auth.claims?.org_id));
});

const middlewares: SocketIoMiddleware[] = [
  socketIoMiddleware(),
  socketIoMiddleware({ scopes: ['a'], closeOnExpiry: false }),
  socketIoMiddleware(client),
  socketIoMiddleware(client, { groups: ['g'], recheck: 60 }),
  socketIoMiddleware(undefined, { scopes: ['a'] }),
  socketIoMiddleware(guard, { grace: 5 }),
  socketIoMiddleware(optionalGuard),
  socketIoMiddleware(client, { optional: true, authorize: (claims, request) => request.url === claims.sub }),
];
// @ts-expect-error the guard has its own requirements
socketIoMiddleware(guard, { scopes: ['a'] });

export { authenticate, middlewares };
