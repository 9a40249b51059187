/**
 * Guards and decorators for NestJS on Express and on Fastify, and everything that `@monocloud/backend-node` exports. Needs
 * `@nestjs/common` 10 or later. Tested with NestJS 12.
 */
import type { CanActivate, DynamicModule, ExecutionContext, PipeTransform, Type } from '@nestjs/common';
import type { OptionalProtectOptions, ProtectApiClient, ProtectApiRequestOptions } from '../index.js';

export * from '../index.js';

/** The module that the guards belong to. It is global, so import it once, in the root module. */
// oxlint-disable-next-line unicorn/no-static-only-class -- NestJS needs a class
export class MonoCloudAuthModule {
  /**
   * Creates a client from environment variables.
   *
   * @typeParam T The type of the requests, which the resolvers receive: that of Express or of Fastify.
   * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain
   *   object or has an unknown member (`argument_invalid`).
   */
  static forRoot<T = any>(options?: ProtectApiRequestOptions<T, undefined>): DynamicModule;
  /**
   * Uses your client.
   *
   * @param client Your client. `undefined` creates one from environment variables.
   * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
   */
  static forRoot<T = any>(
    client: ProtectApiClient | undefined,
    options?: ProtectApiRequestOptions<T, undefined>,
  ): DynamicModule;
}

/**
 * Requires a valid token. On success it sets `request.claims`. Otherwise it sets the headers of the response, such as
 * `WWW-Authenticate`, and throws an exception of `@nestjs/common`. Your exception filters receive it.
 *
 * | exception | body | situation |
 * |---|---|---|
 * | `UnauthorizedException` | `{ "message": "unauthorized" }` | no token, or a rejected token or DPoP proof |
 * | `BadRequestException` | `{ "message": "bad request" }` | several `Authorization` headers, if `validateDPoPBinding` or `dpop` is set |
 * | `ForbiddenException` | `{ "message": "forbidden" }` | missing scopes, groups, permissions or roles, another value of a claim, or `authorize` did not return `true` |
 * | `ServiceUnavailableException` | `{ "message": "service unavailable" }` | the authorization server is unreachable, overloaded or broken |
 * | `InternalServerErrorException` | `{ "message": "internal server error" }` | the authorization server rejects this API's own request |
 *
 * Use it for all routes: `{ provide: APP_GUARD, useClass: MonoCloudAuthGuard }`. `@Protect()` on a route adds its own
 * requirements, and a DPoP proof counts once per request. In GraphQL it reads the request of the context. A WebSocket
 * gateway or a microservice has no request: there the guard throws an error that says what to use instead.
 */
export class MonoCloudAuthGuard implements CanActivate {
  /** NestJS calls it. Its argument is a provider of `MonoCloudAuthModule`. */
  constructor(protect: any);
  /** NestJS calls it. Returns `true`, or throws one of the exceptions above. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean>;
}

/**
 * Requires a valid token that meets the options, for a method or for a whole controller. If both have the decorator, both
 * count. It is a guard: no `@UseGuards()` is needed.
 *
 * @throws MonoCloudValidationError The decorator was used without a call, or an option is invalid (`argument_invalid`).
 */
export function Protect(options?: OptionalProtectOptions): ClassDecorator & MethodDecorator;

/**
 * The claims of the token, as a parameter of a method. With a name, only that claim. `undefined` for a request without a
 * token on a route with `optional`. Throws an error on a route without `@Protect()` or `MonoCloudAuthGuard`.
 */
export function Claims(name?: string, ...pipes: (Type<PipeTransform> | PipeTransform)[]): ParameterDecorator;
/** All claims, as the pipes return them. */
export function Claims(...pipes: (Type<PipeTransform> | PipeTransform)[]): ParameterDecorator;

export {};
