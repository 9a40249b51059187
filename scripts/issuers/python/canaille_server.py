"""Canaille on 127.0.0.1, with its data in memory. Argument: the port.

The audience of a token is the client ids of APIs: the client id of this API is its identifier. The client `app` gets
tokens for it. PUT /keys replaces the keys that sign (`active`) and those that are only published (`inactive`).
"""

import json
import os
import sys

from canaille import create_app
from canaille.app import models
from canaille.app.flask import csrf
from canaille.backends import Backend
from flask import request

port = int(sys.argv[1])

app = create_app(
    {
        'SECRET_KEY': 'only-for-tests',
        'SERVER_NAME': f'127.0.0.1:{port}',
        'PREFERRED_URL_SCHEME': 'http',
        'CANAILLE': {'DATABASE': 'memory'},
        'CANAILLE_OIDC': {'ACTIVE_JWKS': json.loads(os.environ['KEYS'])},
    }
)


def create_client(client_id, secret, audience=()):
    client = models.Client(
        client_id=client_id,
        client_secret=secret,
        client_name=client_id,
        token_endpoint_auth_method='client_secret_basic',
        grant_types=['client_credentials', 'password'],
        scope=['openid', 'profile'],
        redirect_uris=['https://client.example.com/callback'],
    )
    Backend.instance.save(client)
    client.audience = audience or [client]
    Backend.instance.save(client)
    return client


with app.app_context(), Backend.instance.session():
    api = create_client(os.environ['AUDIENCE'], os.environ['API_SECRET'])
    create_client('app', os.environ['APP_SECRET'], [api])
    user = models.User(user_name='ann', family_name='Smith', formatted_name='Ann Smith', emails=['ann@example.com'])
    user.password = os.environ['USER_PASSWORD']
    Backend.instance.save(user)


@app.put('/keys')
@csrf.exempt
def put_keys():
    app.config['CANAILLE_OIDC']['ACTIVE_JWKS'] = request.json['active']
    app.config['CANAILLE_OIDC']['INACTIVE_JWKS'] = request.json['inactive']
    return {}


app.run('127.0.0.1', port, use_reloader=False)
