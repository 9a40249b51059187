// `./ws` needs `@types/node` alone.
import { createServer } from 'node:http';
import { protectApi } from '@monocloud/backend-node/node';
import { authenticateUpgrade, closeOnExpiry, socketIoMiddleware } from '@monocloud/backend-node/ws';

const authenticate = authenticateUpgrade(protectApi()());

createServer().on('upgrade', async (request, socket) => {
  const auth = await authenticate(request, socket);
  if (auth) closeOnExpiry(auth, () => socket.destroy());
});

export const middleware = socketIoMiddleware({ scopes: ['chat'] });
