/** The options of SET and GETEX, by the rules of parseExtendedStringArgumentsOrReply. */
import type { Args } from '../protocol/args.ts'
import { type TimeForm, timeForms } from './expiry-options.ts'

const optionNames = ['ex', 'px', 'exat', 'pxat', 'nx', 'xx', 'get', 'keepttl', 'persist'] as const
type OptionName = (typeof optionNames)[number]

/** One object serves all calls: `parse` refills it. */
export class SetOptions {
  condition: 'nx' | 'xx' | undefined
  /** SET … GET. */
  returnsOld = false
  keepsExpiry = false
  /** GETEX … PERSIST. */
  persists = false
  form: TimeForm | undefined
  /** The argument that holds the time, when `form` is given. */
  timeIndex = 0

  /** Reads the options from argument `first` on; false: a syntax error. */
  parse(args: Args, first: number, command: 'set' | 'getex'): boolean {
    this.condition = undefined
    this.returnsOld = false
    this.keepsExpiry = false
    this.persists = false
    this.form = undefined
    for (let index = first; index < args.count; index++) {
      const name = optionNames.find((option) => args.is(index, option))
      if (name === undefined || !this.#take(name, command)) return false
      if (this.#needsTime(name)) {
        index++
        if (index >= args.count) return false
        this.timeIndex = index
      }
    }
    return true
  }

  #needsTime(name: OptionName): boolean {
    return name in timeForms
  }

  /** Whether the option goes with the command and with those before it. */
  #take(name: OptionName, command: 'set' | 'getex'): boolean {
    const isSet = command === 'set'
    switch (name) {
      case 'nx':
      case 'xx':
        if (!isSet || (this.condition !== undefined && this.condition !== name)) return false
        this.condition = name
        return true
      case 'get':
        this.returnsOld = true
        return isSet
      case 'keepttl':
        this.keepsExpiry = true
        return isSet && this.form === undefined
      case 'persist':
        this.persists = true
        return !isSet && this.form === undefined
      case 'ex':
      case 'px':
      case 'exat':
      case 'pxat':
        return this.#takeForm(timeForms[name])
    }
  }

  #takeForm(form: TimeForm): boolean {
    if (this.keepsExpiry || this.persists) return false
    if (this.form !== undefined && this.form !== form) return false
    this.form = form
    return true
  }
}
