// Keys and documents with the types of other libraries. An ECMAScript module in every consumer, because jose is one.
import * as jose from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { MonoCloudBackendNodeClient, type IssuerMetadata } from '@monocloud/backend-node';

const client = new MonoCloudBackendNodeClient();

export async function foreign(): Promise<void> {
  const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  new MonoCloudBackendNodeClient({ clientSecret: await jose.exportJWK(privateKey) });
  const pair = generateKeyPairSync('ed25519');
  new MonoCloudBackendNodeClient({ clientSecret: pair.privateKey.export({ format: 'jwk' }) });
  new MonoCloudBackendNodeClient({ clientSecret: JSON.stringify({ kty: 'oct', k: 'AA' }) });
  // @ts-expect-error must be a JWK, not a key object
  new MonoCloudBackendNodeClient({ clientSecret: pair.privateKey });

  const set: jose.JSONWebKeySet = { keys: [] };
  new MonoCloudBackendNodeClient({ jwksResolver: () => set });
  await client.validateJwtAccessToken('a.b.c', { jwks: set });
  jose.createLocalJWKSet(await client.getJwks());

  const metadata = async () => (await fetch('https://a.b/')).json() as Promise<IssuerMetadata>;
  new MonoCloudBackendNodeClient({ metadataResolver: metadata });
}
