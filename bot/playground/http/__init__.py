"""HTTP: routing and authentication of API requests, the CDN, the Host and Origin check."""
