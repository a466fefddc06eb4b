#!/usr/bin/perl
#
# make.pl FILE - writes places.mmdb, the small location database of the tests
#
# Invented places on addresses that are reserved for documentation (RFC 5737, RFC 3849), in the layout of MaxMind's city
# databases. Needs Debian's libmaxmind-db-writer-perl; its result is kept here so that tests do not.
use strict;
use warnings;
use utf8;
use MaxMind::DB::Writer::Tree;

my %types = (
	country => 'map', iso_code => 'utf8_string', names => 'map', en => 'utf8_string', de => 'utf8_string',
	subdivisions => [ 'array', 'map' ], city => 'map', geoname_id => 'uint32',
);
my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6, record_size => 24, database_type => 'openreplay-test-City', languages => ['en'],
	description => { en => 'invented places for the tests of openreplay' },
	remove_reserved_networks => 0, alias_ipv6_to_ipv4 => 0, map_key_type_callback => sub { $types{ $_[0] } },
);

sub place
{
	my ($country, $state, $city) = @_;
	my %record = (country => { iso_code => $country, geoname_id => 1 });
	$record{subdivisions} = [ { names => { en => $state, de => "$state (de)" } }, { names => { en => 'a part of it' } } ]
		if defined $state;
	$record{city} = { names => { en => $city, de => "$city (de)" } } if defined $city;
	return \%record;
}

$tree->insert_network('192.0.2.0/25',    place('NL', 'North Holland', 'Amsterdam'));
$tree->insert_network('192.0.2.128/26',  place('DE', 'Bavaria', 'Nürnberg'));
$tree->insert_network('192.0.2.192/27',  place('FR'));
$tree->insert_network('192.0.2.224/28',  { city => { names => { en => 'Nowhere' } } });
$tree->insert_network('198.51.100.0/25', place('ZZ', 'A state', 'A city'));                          # no country of the schema
$tree->insert_network('198.51.100.128/25', place('nl', 'S' x 500, 'é' x 500));                       # not a code; very long
$tree->insert_network('203.0.113.0/24',  { country => {}, subdivisions => [], city => { names => {} } });
$tree->insert_network('2001:db8:1::/48', place('JP', 'Tokyo', 'Tokyo'));

open my $file, '>:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
$tree->write_tree($file);
close $file or die "$ARGV[0]: $!\n";
