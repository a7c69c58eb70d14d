// Prints what the addon knows of this machine; fails where it does not load.
import { machine } from '../dist/lib/index.js'

console.log(JSON.stringify({ node: process.version, ...machine() }, null, 2))
