"""A pocket Discord on localhost: a gateway, the REST API, a CDN and a web client, for development and tests.

Start one with `server.PocketDiscord`; `discord_py_patch.point_discord_at` makes discord.py use it.

- `server`, `application`, `gateway`: the process's sockets, the HTTP application, one gateway connection.
- `routes`: one handler for each REST route. `http` authenticates requests, applies limits and sends answers.
- `forms`: request bodies as pydantic models with Discord's limits.
- `messages`, `interactions`, `threads`: the rules behind the routes.
- `state`: records, all of them in memory (`world`), the SQLite store, permissions, attachment files.
- `payloads`: records as Discord's JSON objects, for one viewer.
- `dispatch`: gateway sessions, intents, and the hub that sends events to sessions.
- `testing`: faults to inject, observers of all traffic. `inspector` shows that traffic on the page.
- `page`: the web client: static files, no build step.

docs/decisions/pocket-discord.md says where it departs from Discord, and why.
"""
