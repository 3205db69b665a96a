"""A pocket Discord on localhost: gateway, REST, and a page to use it from.

`server.PocketDiscord` starts one; `wiring.point_discord_at` makes discord.py use it. A request goes through
`application` (routes, guard) and `calls` (token, limits, faults, observers) to a handler in `routes`, which
changes records in `world` and tells the `hub`; `payloads` draws records for whoever looks. `forms` and its
kin check what clients send. docs/decisions/pocket-discord.md says where it departs from Discord, and why.
"""
