# Rails with Doorkeeper and doorkeeper-openid_connect in one file. doorkeeper.mjs starts it, and says in the environment
# who the issuer and the clients are.

require 'json'
require 'logger'
require 'rails'
require 'action_controller/railtie'
require 'active_record/railtie'
require 'sqlite3'
require 'doorkeeper'
require 'doorkeeper/openid_connect'

SETTINGS = JSON.parse(ENV.fetch('SETTINGS'))
User = Struct.new(:id)

class Server < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = 'x' * 64
  config.hosts.clear
  config.logger = Logger.new($stderr)
  config.log_level = :warn
end

class ApplicationController < ActionController::Base; end

ENV['DATABASE_URL'] = "sqlite3:#{File.join(__dir__, 'doorkeeper.sqlite3')}"
ActiveRecord::Base.establish_connection(ENV['DATABASE_URL'])
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table :oauth_applications do |t|
    t.string :name, :uid, :secret
    t.text :redirect_uri
    t.string :scopes, default: ''
    t.boolean :confidential, default: true
    t.timestamps
  end
  create_table :oauth_access_grants do |t|
    t.integer :resource_owner_id, :application_id, :expires_in
    t.string :token, :scopes
    t.text :redirect_uri
    t.datetime :created_at, :revoked_at
  end
  create_table :oauth_access_tokens do |t|
    t.integer :resource_owner_id, :application_id, :expires_in
    t.string :token, :refresh_token, :scopes
    t.string :previous_refresh_token, default: ''
    t.datetime :created_at, :revoked_at
  end
  create_table(:oauth_openid_requests) { |t| t.integer :access_grant_id; t.string :nonce }
end

Doorkeeper.configure do
  orm :active_record
  resource_owner_authenticator { User.new(1) }
  skip_authorization { true }
  grant_flows %w[client_credentials authorization_code]
  default_scopes 'data:read'
  optional_scopes 'openid'
  # By default, only the client that obtained a token can introspect it.
  allow_token_introspection { |*| true }
  # By default, the response has neither `aud` nor `sub`.
  custom_introspection_response do |token, _context|
    next {} unless token.application.uid == 'with-audience'

    { aud: SETTINGS.fetch('audience'), iss: SETTINGS.fetch('issuer'), sub: token.resource_owner_id&.to_s }.compact
  end
end

Doorkeeper::OpenidConnect.configure do
  issuer SETTINGS.fetch('issuer')
  signing_key OpenSSL::PKey::RSA.new(2048).to_pem
  subject_types_supported [:public]
  resource_owner_from_access_token { |token| User.new(token.resource_owner_id) }
  auth_time_from_resource_owner { |*| Time.now }
  reauthenticate_resource_owner { |*| nil }
  select_account_for_resource_owner { |*| nil }
  subject { |user, *| user.id.to_s }
  protocol { :http }
end

Server.initialize!
Server.routes.draw do
  use_doorkeeper
  use_doorkeeper_openid_connect
end
SETTINGS.fetch('clients').each do |id, secret|
  Doorkeeper::Application.create!(
    name: id, uid: id, secret: secret, redirect_uri: SETTINGS.fetch('redirectUri'), scopes: 'data:read openid'
  )
end
run Server
