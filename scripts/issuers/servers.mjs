// Which servers are there, in which order do they run?

import glewlwyd from './servers/glewlwyd.mjs';

export const servers = [glewlwyd];
