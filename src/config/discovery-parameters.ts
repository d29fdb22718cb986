/** Parameters of how the network hears of the server: WS-Discovery and multicast DNS. */
import { parameter, type Table } from './parameter.ts';
import { bool, choice } from './value-types.ts';

export const discoveryParameters = {
  /** Neither Samba's nor ksmbd's, whose users run wsdd beside them: Windows' Network folder. */
  wsDiscovery: parameter('ws discovery', bool, false),
  /** Samba: yes, by way of Avahi. Who announces answers strangers, so it is asked for here. */
  multicastDnsRegister: parameter('multicast dns register', bool, false),
  mdnsName: parameter(
    'mdns name',
    choice<'netbios' | 'mdns'>([
      ['netbios', 'netbios'],
      ['mdns', 'mdns'],
    ]),
    'netbios',
  ),
} satisfies Table;
