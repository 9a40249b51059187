// `./nestjs`, with `@nestjs/common` and the decorators of TypeScript's `experimentalDecorators`.
import { Controller, Get, Module, ParseIntPipe, UseGuards, type CanActivate, type DynamicModule } from '@nestjs/common';
import {
  Claims,
  MonoCloudAuthGuard,
  MonoCloudAuthModule,
  MonoCloudBackendNodeClient,
  Protect,
  type AccessTokenClaims,
} from '@monocloud/backend-node/nestjs';

const client = new MonoCloudBackendNodeClient();

interface Received {
  headers: { [name: string]: string };
}

export const modules: DynamicModule[] = [
  MonoCloudAuthModule.forRoot(),
  MonoCloudAuthModule.forRoot({ allowPreflight: true }),
  MonoCloudAuthModule.forRoot(client),
  MonoCloudAuthModule.forRoot<Received>(client, { tokenResolver: (request) => request.headers.cookie }),
  MonoCloudAuthModule.forRoot(undefined, {}),
];
// @ts-expect-error a resolver returns text
MonoCloudAuthModule.forRoot({ tokenResolver: () => 1 });
// @ts-expect-error options of the client belong to the client
MonoCloudAuthModule.forRoot({ audience: 'https://api.example.com' });
Protect({ optional: true, authorize: (claims: AccessTokenClaims, request) => claims.sub === request.params.id });
MonoCloudAuthModule.forRoot(client, { realm: 'api', body: 'problem', delegate: true, onRefused: () => {} });
// @ts-expect-error no such option
Protect({ scope: ['a'] });

@Controller()
@Protect({ scopes: ['a'] })
export class TestController {
  @Get()
  @Protect({ groups: ['g'], acr: ['gold'] })
  all(@Claims() claims: AccessTokenClaims, @Claims('sub') subject: string, @Claims('age', ParseIntPipe) age: number) {
    return { claims, subject, age };
  }

  @Get('other')
  @UseGuards(MonoCloudAuthGuard)
  other(@Claims(new ParseIntPipe()) all: number) {
    return all;
  }
}

@Module({
  imports: [MonoCloudAuthModule.forRoot(client)],
  controllers: [TestController],
  providers: [{ provide: 'APP_GUARD', useClass: MonoCloudAuthGuard }],
})
export class AppModule {}

export const guardOf = (guard: MonoCloudAuthGuard): CanActivate => guard;
