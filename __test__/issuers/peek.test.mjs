// Does the engine find the same issuer in a payload as `JSON.parse` does?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { randomOf } from '../differential/random.mjs';

const native = createRequire(import.meta.url)('../../npm/native/load.js');

const ISSUERS = ['https://a.example', 'https://b.example/', 'https://é.example', 'https://x.example/"\\', 1, null, ['https://a.example']];
