// Which servers are there, in which order do they run?

import doorkeeper from './servers/doorkeeper.mjs';
import glewlwyd from './servers/glewlwyd.mjs';
import lemonldap from './servers/lemonldap.mjs';

export const servers = [glewlwyd, doorkeeper, lemonldap];
