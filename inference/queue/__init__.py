"""The queue between bot and workers, on Redis: streams, groups, results and picture bytes. No torch."""
