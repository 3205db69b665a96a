"""The address itself: what this is, for somebody who opens it in a browser."""

from html import escape

from aiohttp import web

from bot.playground.pocket import Pocket
from bot.playground.routes.playground import session

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>A pocket Discord</title>
<style>body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif }}
pre {{ overflow-x: auto }}</style>
</head>
<body>
<h1>A pocket Discord</h1>
<p>This is a small server on your own machine that speaks Discord's gateway and REST protocols, so that the
real bot runs against it. Nothing here reaches Discord. {state}</p>
<h2>Post a picture</h2>
<p><a href="/playground/session"><code>GET /playground/session</code></a> gives the addresses, the ids and the
people's tokens. With somebody's token, and a picture of yours:</p>
<pre><code>TOKEN=...   # users[0].token in what /playground/session says
curl -H "Authorization: $TOKEN" -F 'files[0]=@scene.png' \\
     {api}/channels/{channel}/messages</code></pre>
<p>A moment later the bot's answer stands in the channel:</p>
<pre><code>curl -H "Authorization: $TOKEN" {api}/channels/{channel}/messages</code></pre>
<p>Which models answer isn't known here: <code>beholder run</code> says it in the terminal when it starts.</p>
</body>
</html>
"""


async def page(pocket: Pocket) -> str:
    """Write the page, with the addresses and ids as they are here."""
    known = await session(pocket)
    state = "Bot and worker are there." if known["ready"] else "Bot or worker are still starting, or away."
    channel = known["channel_id"] or "CHANNEL"
    return PAGE.format(state=state, api=escape(pocket.api), channel=escape(channel))


def add_to(app: web.Application, pocket: Pocket) -> None:
    """Register the route."""

    async def answer(_: web.Request) -> web.Response:
        text = await page(pocket)
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=HEADERS)

    app.router.add_get("/", answer)
