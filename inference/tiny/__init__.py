"""Small models of the big ones' classes, trained here on coloured shapes."""
