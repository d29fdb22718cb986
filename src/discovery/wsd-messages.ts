/**
 * Messages of WS-Discovery (April 2005) and of the Devices Profile (February 2006), as Windows speaks them to fill its
 * Network folder: it asks by multicast for computers (Probe, Resolve), and gets the name of each by HTTP (Get).
 */
import { randomUUID } from 'node:crypto';
import { WireError } from '../wire/wire-error.ts';
import {
  childOf,
  escapeXml,
  parseXml,
  type QualifiedName,
  qualified,
  type XmlElement,
} from './xml.ts';

const SOAP = 'http://www.w3.org/2003/05/soap-envelope';
const WSA = 'http://schemas.xmlsoap.org/ws/2004/08/addressing';
const WSD = 'http://schemas.xmlsoap.org/ws/2005/04/discovery';
const MEX = 'http://schemas.xmlsoap.org/ws/2004/09/mex';
const TRANSFER = 'http://schemas.xmlsoap.org/ws/2004/09/transfer';
const DEVPROF = 'http://schemas.xmlsoap.org/ws/2006/02/devprof';
const PNPX = 'http://schemas.microsoft.com/windows/pnpx/2005/10';
const PUB = 'http://schemas.microsoft.com/windows/pub/2005/07';

const EVERYBODY = 'urn:schemas-xmlsoap-org:ws:2005:04:discovery';
const ANONYMOUS = `${WSA}/role/anonymous`;

/** A MessageID is given back; they are UUIDs, of 45 characters. */
const MAX_ID_CHARS = 256;

/** What this endpoint is: a device, and a computer that shares things. */
const TYPES = 'wsdp:Device pub:Computer';
const OWN_TYPES: readonly QualifiedName[] = [
  { namespace: DEVPROF, name: 'Device' },
  { namespace: PUB, name: 'Computer' },
];

/** Who is announced. */
export interface WsdDevice {
  /** Of the endpoint, for good: a UUID in its usual form. */
  readonly uuid: string;
  readonly name: string;
  readonly workgroup: string;
  readonly version: string;
  /** WS-Discovery appendix I: grows with each start; seconds since 1970. */
  readonly instance: number;
}

export type WsdRequest =
  | {
      readonly kind: 'probe';
      readonly messageId: string;
      /** Undefined: of a type that cannot be named. */
      readonly types: readonly (QualifiedName | undefined)[];
      readonly scopes: readonly string[];
    }
  | { readonly kind: 'resolve'; readonly messageId: string; readonly address: string }
  | { readonly kind: 'get'; readonly messageId: string; readonly to: string };

const words = (text: string | undefined): readonly string[] => text?.match(/\S+/g) ?? [];
const wsa = (name: string): QualifiedName => ({ namespace: WSA, name });
const wsd = (name: string): QualifiedName => ({ namespace: WSD, name });
const soap = (name: string): QualifiedName => ({ namespace: SOAP, name });

function probeOf(messageId: string, body: XmlElement | undefined): WsdRequest {
  const probe = childOf(body, wsd('Probe'));
  if (probe === undefined) throw new WireError('Probe', 'is not in the body');
  const types = childOf(probe, wsd('Types'));
  return {
    kind: 'probe',
    messageId,
    types: words(types?.text).map((word) => types && qualified(word, types.prefixes)),
    scopes: words(childOf(probe, wsd('Scopes'))?.text),
  };
}

function resolveOf(messageId: string, body: XmlElement | undefined): WsdRequest {
  const endpoint = childOf(childOf(body, wsd('Resolve')), wsa('EndpointReference'));
  const address = childOf(endpoint, wsa('Address'))?.text;
  if (address === undefined) throw new WireError('Resolve', 'names no endpoint');
  return { kind: 'resolve', messageId, address };
}

/** Undefined: nothing that is answered (a Hello of another's, for instance). Throws WireError. */
export function decodeWsdRequest(bytes: Buffer): WsdRequest | undefined {
  const envelope = parseXml(bytes.toString('utf8').replace(/^\ufeff/, ''));
  if (envelope.name !== 'Envelope' || envelope.namespace !== SOAP) {
    throw new WireError('Envelope', 'is none of SOAP 1.2');
  }
  const header = childOf(envelope, soap('Header'));
  const body = childOf(envelope, soap('Body'));
  const messageId = childOf(header, wsa('MessageID'))?.text ?? '';
  if (messageId === '' || messageId.length > MAX_ID_CHARS) {
    throw new WireError('MessageID', 'is missing or too long');
  }
  switch (childOf(header, wsa('Action'))?.text) {
    case `${WSD}/Probe`:
      return probeOf(messageId, body);
    case `${WSD}/Resolve`:
      return resolveOf(messageId, body);
    case `${TRANSFER}/Get`:
      return { kind: 'get', messageId, to: childOf(header, wsa('To'))?.text ?? '' };
    default:
      return undefined;
  }
}

export const endpointOf = ({ uuid }: WsdDevice): string => `urn:uuid:${uuid}`;

/** WS-Discovery 5.1: every type that is asked for has to be among the device's, and it is in no scope. */
export function isAskedFor(request: WsdRequest, device: WsdDevice): boolean {
  if (request.kind === 'resolve') return request.address === endpointOf(device);
  if (request.kind === 'get') return request.to === endpointOf(device);
  const isOwn = (asked: QualifiedName | undefined): boolean =>
    OWN_TYPES.some(({ namespace, name }) => asked?.namespace === namespace && asked.name === name);
  return request.scopes.length === 0 && request.types.every(isOwn);
}

const PREFIXES = Object.entries({
  soap: SOAP,
  wsa: WSA,
  wsd: WSD,
  wsx: MEX,
  wsdp: DEVPROF,
  pnpx: PNPX,
  pub: PUB,
})
  .map(([prefix, namespace]) => ` xmlns:${prefix}="${namespace}"`)
  .join('');

interface Heading {
  readonly action: string;
  readonly to: string;
  readonly relatesTo?: string;
  /** WS-Discovery appendix I. */
  readonly sequence?: string;
}

function envelope({ action, to, relatesTo, sequence = '' }: Heading, body: string): Buffer {
  const relates =
    relatesTo === undefined ? '' : `<wsa:RelatesTo>${escapeXml(relatesTo)}</wsa:RelatesTo>`;
  return Buffer.from(
    `<?xml version="1.0" encoding="utf-8"?><soap:Envelope${PREFIXES}><soap:Header>` +
      `<wsa:To>${to}</wsa:To><wsa:Action>${action}</wsa:Action>` +
      `<wsa:MessageID>urn:uuid:${randomUUID()}</wsa:MessageID>${relates}${sequence}` +
      `</soap:Header><soap:Body>${body}</soap:Body></soap:Envelope>`,
  );
}

const reference = (device: WsdDevice): string =>
  `<wsa:EndpointReference><wsa:Address>${endpointOf(device)}</wsa:Address></wsa:EndpointReference>`;

/** Makes a device's messages, and counts them. */
export class WsdWriter {
  readonly #device: WsdDevice;
  #number = 0;

  constructor(device: WsdDevice) {
    this.#device = device;
  }

  /** Is here. `url`: where its metadata are. */
  hello(url: string): Buffer {
    return this.#told('Hello', EVERYBODY, `<wsd:Hello>${this.#described(url)}</wsd:Hello>`);
  }

  /** Goes. */
  bye(): Buffer {
    return this.#told('Bye', EVERYBODY, `<wsd:Bye>${reference(this.#device)}</wsd:Bye>`);
  }

  /** To who has asked; undefined where that is no Probe or Resolve. */
  match({ kind, messageId }: WsdRequest, url: string): Buffer | undefined {
    if (kind === 'get') return undefined;
    const name = kind === 'probe' ? 'Probe' : 'Resolve';
    const body =
      `<wsd:${name}Matches><wsd:${name}Match>${this.#described(url)}` +
      `</wsd:${name}Match></wsd:${name}Matches>`;
    return this.#told(`${name}Matches`, ANONYMOUS, body, messageId);
  }

  /** Devices Profile 4.1 to 4.3, with what Windows wants of a computer (pub:Computer). */
  metadata(messageId: string): Buffer {
    const { name, workgroup, version, uuid } = this.#device;
    const shown = escapeXml(name);
    const computer = escapeXml(`${name}/Workgroup:${workgroup}`);
    const sections = [
      [
        'ThisDevice',
        `<wsdp:ThisDevice><wsdp:FriendlyName>${shown}</wsdp:FriendlyName>` +
          `<wsdp:FirmwareVersion>${escapeXml(version)}</wsdp:FirmwareVersion>` +
          `<wsdp:SerialNumber>${uuid}</wsdp:SerialNumber></wsdp:ThisDevice>`,
      ],
      [
        'ThisModel',
        '<wsdp:ThisModel><wsdp:Manufacturer>usmbd</wsdp:Manufacturer>' +
          '<wsdp:ModelName>usmbd</wsdp:ModelName>' +
          '<pnpx:DeviceCategory>Computers</pnpx:DeviceCategory></wsdp:ThisModel>',
      ],
      [
        'Relationship',
        `<wsdp:Relationship Type="${DEVPROF}/host"><wsdp:Host>${reference(this.#device)}` +
          `<wsdp:Types>pub:Computer</wsdp:Types><wsdp:ServiceId>${endpointOf(this.#device)}` +
          `</wsdp:ServiceId><pub:Computer>${computer}</pub:Computer></wsdp:Host></wsdp:Relationship>`,
      ],
    ]
      .map(
        ([dialect, content]) =>
          `<wsx:MetadataSection Dialect="${DEVPROF}/${dialect}">${content}</wsx:MetadataSection>`,
      )
      .join('');
    const heading = {
      action: `${TRANSFER}/GetResponse`,
      to: ANONYMOUS,
      relatesTo: messageId,
    };
    return envelope(heading, `<wsx:Metadata>${sections}</wsx:Metadata>`);
  }

  #described(url: string): string {
    return (
      `${reference(this.#device)}<wsd:Types>${TYPES}</wsd:Types>` +
      `<wsd:XAddrs>${escapeXml(url)}</wsd:XAddrs><wsd:MetadataVersion>1</wsd:MetadataVersion>`
    );
  }

  #told(name: string, to: string, body: string, relatesTo?: string): Buffer {
    this.#number += 1;
    const { instance } = this.#device;
    const sequence = `<wsd:AppSequence InstanceId="${instance}" MessageNumber="${this.#number}"/>`;
    const heading = { action: `${WSD}/${name}`, to, sequence };
    return envelope(relatesTo === undefined ? heading : { ...heading, relatesTo }, body);
  }
}
