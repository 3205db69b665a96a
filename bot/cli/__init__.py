"""The subcommands of `beholder`, a module each. Each is imported when it is started."""
