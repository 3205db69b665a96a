"""Commands, components and modals: from a member to the application, and its responses."""
