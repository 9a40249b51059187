// NestJS: a guard for every route, and the scopes of one route.
//
// NestJS applications are usually written in TypeScript, with decorators. This file has none, so that Node.js runs it
// without a build. Each call below stands for the decorator in the comment.

import 'reflect-metadata';
import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { Claims, MonoCloudAuthGuard, MonoCloudAuthModule, Protect } from '@monocloud/backend-node/nestjs';

class PostsController {
  posts = [];

  // @Get('me') me(@Claims('sub') subject)
  me(subject) {
    return { subject };
  }

  // @Post('posts') @Protect({ scopes: ['posts:write'] }) create(@Claims() claims, @Body() body)
  create(claims, body) {
    const post = { id: String(this.posts.length + 1), author: claims.sub, text: body.text };
    this.posts.push(post);
    return post;
  }
}
Controller('api')(PostsController);
parameters('me', Claims('sub'));
method('me', Get('me'));
parameters('create', Claims(), Body());
method('create', Post('posts'), Protect({ scopes: ['posts:write'] }));

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
class AppModule {}
Module({
  imports: [MonoCloudAuthModule.forRoot()],
  controllers: [PostsController],
  providers: [{ provide: APP_GUARD, useClass: MonoCloudAuthGuard }],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(process.env.PORT ?? 3000);
console.log(`listening ${app.getHttpServer().address().port}`);

function method(name, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(PostsController.prototype, name);
  for (const decorator of decorators) decorator(PostsController.prototype, name, descriptor);
}

function parameters(name, ...decorators) {
  decorators.forEach((decorator, index) => decorator(PostsController.prototype, name, index));
}
