// How is garbage collected when a test wants it, without a flag of whoever runs it?

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
export const gc = runInNewContext('gc');
