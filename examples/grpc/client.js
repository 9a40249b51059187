// Calls the service with the token in TOKEN.

import { Client, Metadata, credentials } from '@grpc/grpc-js';

const metadata = new Metadata();
if (process.env.TOKEN) metadata.set('authorization', `Bearer ${process.env.TOKEN}`);
const client = new Client(`127.0.0.1:${process.env.PORT ?? 3000}`, credentials.createInsecure());
const toBytes = (value) => Buffer.from(JSON.stringify(value));

for (const path of ['/demo.Reports/Me', '/demo.Reports/Read']) {
  client.makeUnaryRequest(path, toBytes, JSON.parse, {}, metadata, (error, answer) => {
    console.log(path, error?.message ?? answer);
  });
}
