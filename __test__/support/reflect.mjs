// What does `@peculiar/x509` need from `Reflect`?
//
// Its dependency tsyringe does not load without the four functions of the `reflect-metadata` package, which is not
// one of our dependencies. These are the four functions, with only the features it uses. Import this file before the
// library. A real polyfill that is already loaded stays.

const metadata = new WeakMap();

// Metadata belongs to a target, or to one property of it.
const slot = (key, property) => `${String(key)} ${String(property ?? '')}`;

function define(key, value, target, property) {
  if (!metadata.has(target)) {
    metadata.set(target, new Map());
  }
  metadata.get(target).set(slot(key, property), value);
}

const own = (key, target, property) => metadata.get(target)?.get(slot(key, property));

function inherited(key, target, property) {
  for (let at = target; at; at = Object.getPrototypeOf(at)) {
    const value = own(key, at, property);
    if (value !== undefined) {
      return value;
    }
  }
  return undefined;
}

if (typeof Reflect.getMetadata !== 'function') {
  Object.assign(Reflect, {
    defineMetadata: define,
    getMetadata: inherited,
    getOwnMetadata: own,
    metadata: (key, value) => (target, property) => define(key, value, target, property),
  });
}
