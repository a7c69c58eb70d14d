// Finds a key that an object of a JSON text holds twice: JSON.parse silently keeps the last one, which
// would hide a tensor of a file whose header was tampered with.

/** The first repeated key of any one object in a valid JSON text, or null. */
export function repeatedKey(text: string): string | null {
  // One set for each open brace; an open bracket takes an unused place on the stack.
  const open: Set<string>[] = []
  for (let i = 0; i < text.length; ++i) {
    const character = text[i]
    if (character === '{' || character === '[') open.push(new Set())
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(text, i)
      if (isFollowedByColon(text, end)) {
        const key = String(JSON.parse(text.slice(i, end)))
        const seen = open.at(-1)
        if (seen?.has(key) === true) return key
        seen?.add(key)
      }
      i = end - 1
    }
  }
  return null
}

/** Index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i + 1
}

function isFollowedByColon(text: string, from: number): boolean {
  let i = from
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i += 1
  return text[i] === ':'
}
