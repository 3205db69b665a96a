"""Text that is still being generated, shown in Discord messages at the pace that Discord allows."""
