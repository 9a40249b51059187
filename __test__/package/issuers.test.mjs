// Does `npm run test:issuers` find what it looks for, skip what it cannot install, and end what it starts?
//
// With a server of this process that can be broken, and without the real ones.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { checksOf } from '../../scripts/issuers/checks.mjs';
import { runServers } from '../../scripts/issuers/run.mjs';
import { servers } from '../../scripts/issuers/servers.mjs';
import { rowOf, tableOf } from '../../scripts/issuers/table.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
