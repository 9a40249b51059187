import cjs from './setup.js';

export default cjs;
export declare const globalSetup: typeof cjs.globalSetup;
export declare const globalTeardown: typeof cjs.globalTeardown;
