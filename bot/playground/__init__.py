"""A pocket Discord on localhost: gateway, REST, and a page to use it from."""
