import assert from 'node:assert/strict'
import { systemClock } from './clock.ts'
import { EVENTS_KNOWN_MAX, EventRecorder } from './event-recorder.ts'
import { resources } from './store/resources.ts'
import { openTestApi } from './testing.ts'

describe('an event recorder', () => {
  const subject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'p', uid: 'u' },
  } as never
  const open = () => {
    const { store } = openTestApi()
    const recorder = new EventRecorder(store, 'test', systemClock)
    const record = (message: string) =>
      recorder.record(subject, { type: 'Normal', reason: 'Test', message })
    const events = () => store.list(resources.events).items
    return { store, record, events }
  }

  it('counts the same event up', () => {
    const { record, events } = open()
    for (const message of ['a', 'b', 'a']) record(message)
    assert.deepEqual(
      events().map(({ message, count }) => [message, count]),
      [
        ['a', 2],
        ['b', 1],
      ],
    )
  })

  it('writes an event anew that somebody has removed', () => {
    const { store, record, events } = open()
    record('a')
    for (const { metadata } of events()) store.delete(resources.events, metadata)
    record('a')
    assert.equal(events().length, 1)
  })

  it(`counts up the newest ${EVENTS_KNOWN_MAX} of its events`, () => {
    const { record, events } = open()
    for (let i = 0; i <= EVENTS_KNOWN_MAX; i += 1) record(`m${i}`)
    record('m1')
    assert.equal(events().length, EVENTS_KNOWN_MAX + 1)
    record('m0')
    assert.equal(events().length, EVENTS_KNOWN_MAX + 2)
  })
})
