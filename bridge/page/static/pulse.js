// A second's beat for live.js: a browser lets a page that nobody sees have its own timers once a minute, a worker has each.
"use strict";
setInterval(() => postMessage(0), 1000);
